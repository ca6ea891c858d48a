"""Who uses this process: the user of the operating system, and the host.

Add here what identifies a person who plans, approves or runs. The environment is not asked, because everybody can set
it.
"""

import os
import pwd
import socket

from pydantic import BaseModel, ConfigDict


class Person(BaseModel):
    """A user of the operating system, on a host."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    user: str
    host: str

    def __str__(self) -> str:
        """Return both as text: "anna@billing-1"."""
        return f"{self.user}@{self.host}"


def this_person() -> Person:
    """Return the user of this process, by name, or by number if it has no name."""
    user_id = os.geteuid()
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:  # a container may run with a number that has no name
        name = f"uid {user_id}"
    return Person(user=name, host=socket.gethostname())
