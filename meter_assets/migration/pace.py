"""How many rows the next batch writes, and how long to pause before it.

With `--batch-size auto`, the size follows the time that batches take: others wait for one batch at most. A batch for
which others waited is followed by smaller ones and a pause, and so is a server that falls behind: with its replicas, or
with removing old versions of rows. The measures are those of large migrations of others: batched background migrations
of GitLab aim at a time per batch and hold while the database is unhealthy. Add a sign of load here; how an engine
measures it is in `engines`.
"""

from meter_assets.engines.base import Load
from meter_assets.migration.batch_size import AUTO

SECONDS_AIMED_AT = 0.25
FIRST, LEAST, MOST = 1_000, 100, 50_000
"""The rows of the first batch, and of the smallest and largest."""
MOST_SECONDS_OF_LAG = 10.0
MOST_DEAD_SHARE = 1.0
"""Old versions of rows per row, above which the server has fallen behind: by default it removes them at a fifth. A step
itself leaves one for each row that it writes."""
LONGEST_PAUSE = 2.0


class Pace:
    """The size of the batches of one step."""

    def __init__(self, batch_size: int) -> None:
        """Take the rows per batch, or AUTO."""
        self.follows_load = batch_size == AUTO
        self.size = FIRST if self.follows_load else batch_size

    def after(self, seconds: float, load: Load) -> float:
        """Take the seconds of a batch and the load of the server; return how many seconds to pause."""
        if not self.follows_load:
            return 0.0
        factor = max(0.5, min(2.0, SECONDS_AIMED_AT / max(seconds, 0.001)))
        if load.others_wait:
            factor = min(factor, 0.5)
        self.size = max(LEAST, min(MOST, int(self.size * factor)))
        behind = load.seconds_of_lag > MOST_SECONDS_OF_LAG or load.dead_share > MOST_DEAD_SHARE
        return min(LONGEST_PAUSE, 5 * seconds if behind else seconds) if behind or load.others_wait else 0.0
