"""A configuration whose paths mean the same in every folder and on every machine."""

from pathlib import Path

from configs.charter import charter_path
from configs.schema import Config
from trainer.task_loading import TASKS


def rooted(config: Config) -> Config:
    """The same configuration with every path absolute: actors live in other folders, on other machines under
    the same paths.
    """
    name = config.task.name
    task = name if (TASKS / name).is_dir() else str(Path(name).absolute())
    return config.model_copy(
        update={
            "campaigns_dir": str(Path(config.campaigns_dir).absolute()),
            "data_dir": str(Path(config.data_dir).absolute()),
            "task": config.task.model_copy(update={"name": task}),
            "campaign": config.campaign.model_copy(update={"charter": charter_path(config.campaign.charter)}),
            "arms": [arm.model_copy(update=arm.absolute()) for arm in config.arms],
        }
    )
