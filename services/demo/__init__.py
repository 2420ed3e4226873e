"""`ascua demo`: a simulated day, played on a real system, and an honest account of it."""

from services.demo.command import demo

__all__ = ["demo"]
