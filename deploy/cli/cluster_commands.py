"""Commands about a cluster's machines: taking them out of it."""

from pathlib import Path

import rich_click as click
from click.exceptions import Exit


@click.command()
@click.argument("address", metavar="[HOST:PORT]", required=False)
def leave(address: str | None) -> None:
    """Take this machine out of a Ray cluster: end its Ray, agents and trainings here, and nothing of any
    other cluster. HOST:PORT is the cluster's head, as in `ray start --address`; without it the clusters there
    are named.
    """
    from configs.errors import ConfigError
    from deploy.cli.output import tell
    from deploy.exit_codes import FAILURE
    from deploy.swarm.leaving import clusters
    from deploy.swarm.leaving import leave as leave_cluster

    if address is None:
        there = ", ".join(clusters())
        raise ConfigError(
            f"which cluster? Processes here belong to: {there or 'none'}",
            "Name it: `autoswarm leave HOST:PORT`. A campaign with a Ray of its own is listed as well.",
        )
    left = leave_cluster(address)
    if left.remaining:
        tell(f"processes of {address} that could not be ended: {', '.join(map(str, left.remaining))}")
        raise Exit(FAILURE)
    tell(
        f"left {address}: ended {left.ray} processes of Ray and {left.others} of agents and trainings"
        if left.ray or left.others
        else f"nothing of {address} runs here"
    )


@click.group()
def cluster() -> None:
    """A cluster of your own machines, by its file for `ray up`."""


@cluster.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def stop(file: Path) -> None:
    """Have every machine of the cluster leave it, over ssh: what `ray down FILE` leaves on the workers ends,
    and so does the head's Ray if it is still there. Other Rays on these machines go on.
    """
    from deploy.cli.output import tell
    from deploy.exit_codes import FAILURE
    from deploy.swarm.own_machines import own_machines
    from deploy.swarm.own_machines import stop as stop_all
    from deploy.views.sanitize import one_line

    answers = stop_all(own_machines(file))
    for answer in answers:
        tell(f"{answer.host}: {one_line(answer.words)}")
    if failed := [answer.host for answer in answers if not answer.ok]:
        tell(f"not stopped: {', '.join(failed)}; run `autoswarm leave HOST:PORT` there, or this again")
        raise Exit(FAILURE)


COMMANDS = (leave, cluster)
