"""What the services are asked to do, one file per owner: the bodies of the gateway's commands, which it passes on as
they are. Bodies only: no I/O, no service.
"""
