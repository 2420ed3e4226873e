"""`ascua demo`: a simulated day, played on a real system, and an honest account of it."""

from cli.demo.command import demo

__all__ = ["demo"]
