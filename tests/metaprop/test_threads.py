"""Parts side by side: all are done, errors are raised, a copy of the process goes on."""

import os
import signal
import threading

import numpy as np
import pytest

from metaprop import pooling, threads


def test_every_part_is_done_and_threads_stay():
    done = []
    for _ in range(3):
        threads.side_by_side(lambda *a: done.append(a), [(1,), (2,), (3,)])
    assert sorted(done) == [(i,) for i in (1, 2, 3) for _ in range(3)]
    own = [t for t in threading.enumerate() if t.name == "metaprop"]
    assert all(t.daemon for t in own)
    threads.side_by_side(lambda *a: None, [(1,), (2,), (3,)])
    assert [t for t in threading.enumerate() if t.name == "metaprop"] == own


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_an_error_in_any_part_is_raised_once_all_have_ended(wrong):
    ended = []

    def part(i):
        if i == wrong:
            raise ZeroDivisionError
        ended.append(i)

    with pytest.raises(ZeroDivisionError):
        threads.side_by_side(part, [(i,) for i in range(3)])
    assert sorted(ended) == [i for i in range(3) if i != wrong]


def test_many_callers_at_once_get_what_each_gets_alone():
    rng = np.random.default_rng(1)
    y, v = rng.normal(size=(4, 30_000, 5)), rng.uniform(0.1, 1, (4, 30_000, 5))
    alone = [pooling.pool(a, b).tau2 for a, b in zip(y, v, strict=True)]
    found = [None] * 4

    def call(i):
        found[i] = pooling.pool(y[i], v[i]).tau2

    callers = [threading.Thread(target=call, args=(i,)) for i in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    for a, b in zip(found, alone, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork, found none")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # that is what is tried
def test_a_forked_process_starts_its_own():
    """Without that its parts would wait for threads that only its parent has."""
    threads.side_by_side(lambda *_: None, [(1,), (2,)])
    child = os.fork()
    if not child:
        signal.alarm(20)
        done = []
        threads.side_by_side(done.append, [(1,), (2,)])
        os._exit(len(done))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 2
