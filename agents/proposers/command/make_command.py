"""An arm of kind ``command`` as a proposer. Whether its program is there is asked where it runs, with every
brief: agents live on other machines.
"""

from agents.proposers.command import templates
from agents.proposers.contract import Materials, Proposer
from configs.arms import Command
from configs.errors import ConfigError
from configs.suggest import did_you_mean


def make(arm: Command, materials: Materials) -> Proposer:
    """See ``agents.proposers.factory``. Raises ConfigError without a command, or with a field there is
    nothing for.
    """
    from agents.proposers.command.command_proposer import CommandOrder, CommandProposer

    shell = arm.template is not None and templates.TEMPLATES[arm.template].shell
    if not arm.command and (arm.template is None or shell):
        raise ConfigError(
            f"arm {arm.name!r} runs no command",
            "Give it `command`, or `template`, for example template: claude-code.",
        )
    if not shell and (field := templates.unknown_field(arm.command)):
        raise _unknown_field(arm.name, field)
    order = CommandOrder(
        template=arm.template,
        command=tuple(arm.command),
        env=tuple(arm.env),
        timeout=arm.timeout,
        hidden=tuple(materials.hidden),
        unconfined=arm.unconfined,
        patterns=tuple(materials.patterns),
    )
    return CommandProposer(
        order, materials.charter, materials.frozen, materials.surface, permits=materials.permits
    )


def program(arm: Command) -> str:
    """See ``agents.proposers.factory``."""
    return templates.program_of(arm.template, arm.command)


def require_here(arm: Command) -> None:
    """See ``agents.proposers.factory``. Raises ConfigError where its command cannot be confined as wanted."""
    from agents.proposers.command.confinement import confinement

    if arm.unconfined:
        return
    try:
        confinement()
    except ConfigError as error:
        raise ConfigError(f"arm {arm.name!r}: {error}", error.remedy) from None


def _unknown_field(arm: str, field: str) -> ConfigError:
    near = did_you_mean(field, templates.FIELDS)
    return ConfigError(
        f"arm {arm!r}: there is nothing to put in place of {{{field}}}",
        f"{f'Did you mean {{{near}}}? ' if near else ''}There are"
        f" {', '.join(f'{{{name}}}' for name in templates.FIELDS)}.",
    )
