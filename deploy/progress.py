"""stub"""
from typing import Protocol, Any
class View(Protocol):
    """x"""
    def update(self, status: dict[str, Any], new_rows: list[dict[str, Any]]) -> None:
        """x"""
    def close(self) -> None:
        """x"""
