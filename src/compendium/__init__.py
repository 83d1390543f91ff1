"""Numbered notebooks through papermill, compared with what is committed, and published."""
