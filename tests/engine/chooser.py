"""One path through all the choices of an interleaving, and the way from there to the next."""

from __future__ import annotations


class Chooser:
    """Takes one path through all choices, and finds the next one."""

    def __init__(self, path: list[list[int]]) -> None:
        self._path = path
        self._at = 0

    def choose(self, options: int) -> int:
        """Which of so many options; 0 is always the one without interference."""
        if self._at == len(self._path):
            self._path.append([0, options])
        index, count = self._path[self._at]
        assert count == options, "the engine did not do the same again: it is not deterministic"
        self._at += 1
        return index

    @property
    def beyond(self) -> bool:
        """Is all of the path behind us, so that nobody was here before?"""
        return self._at == len(self._path)

    @staticmethod
    def advance(path: list[list[int]]) -> bool:
        """Turn a path into the next; False when there is none."""
        while path and path[-1][0] == path[-1][1] - 1:
            path.pop()
        if not path:
            return False
        path[-1][0] += 1
        return True
