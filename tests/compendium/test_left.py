"""What a cell leaves running is ended with its kernel, and said in one line."""

import re

import psutil
import pytest
from toys import HEAD, WARM, run_all, toy

from compendium.errors import PipelineError

START = HEAD + "import subprocess, threading, time\n"
PID = "_ = pathlib.Path({file!r}).write_text(str(p.pid))"
CHILD = "p = subprocess.Popen(['sleep', '777'], start_new_session={session})\n" + PID
FORK = (
    "pid = os.fork()\nif not pid: time.sleep(777)\n_ = pathlib.Path({file!r}).write_text(str(pid))"
)
ORPHAN = "_ = subprocess.run('setsid sleep 777 >/dev/null & echo $! >{file}', shell=True)"
THREAD = "threading.Thread(target=time.sleep, args=(777,), name='of mine').start()"
DAEMON = "threading.Thread(target=time.sleep, args=(777,), daemon=True).start()"
ENDED = "_ = subprocess.run(['true'])\nt = threading.Thread(target=int); t.start(); t.join()"


def _said(err: str) -> list[str]:
    return re.findall(r"\ba left running, ended with its kernel: (.*)$", err, re.M)


@pytest.mark.parametrize("warm", [WARM, None], ids=["forked", "ordinary"])
@pytest.mark.parametrize(
    ("code", "says"),
    [
        (CHILD.replace("{session}", "False"), ["sleep 777"]),
        (CHILD.replace("{session}", "True"), ["sleep 777"]),
        (ORPHAN, ["sleep 777"]),
        (FORK, ["python"]),
        (THREAD, ["the thread of mine"]),
        (DAEMON + "\n" + ENDED, []),
    ],
    ids=["child", "session", "orphan", "fork", "thread", "nothing"],
)
def test_what_a_cell_leaves_running_is_ended_and_said(tmp_path, capfd, code, says, warm):
    file = tmp_path / "pid"
    code = code.replace("{file!r}", repr(str(file))).replace("{file}", str(file))
    step = toy(tmp_path / "n", "a", START + code)
    run_all([step], build=tmp_path / "build", warm=warm)
    said = _said(capfd.readouterr().err)
    assert len(said) == len(says)
    assert all(b in a for a, b in zip(said, says, strict=True))
    if file.exists():
        assert not psutil.pid_exists(int(file.read_text()))


def test_it_is_ended_after_a_cell_that_fails_and_a_kernel_that_dies(tmp_path, capfd):
    for end in ("1 / 0", "os.kill(os.getpid(), 9)"):
        file = tmp_path / "pid"
        code = ORPHAN.format(file=file) + f"\ntime.sleep(0.5)\n{end}"
        with pytest.raises(PipelineError):
            run_all([toy(tmp_path / "n", "a", START + code)], build=tmp_path / "build")
        assert _said(capfd.readouterr().err) == ["sleep 777"]
        assert not psutil.pid_exists(int(file.read_text()))
