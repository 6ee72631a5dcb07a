"""What has to be in the environment before anything imports ray or litellm.

Without it ``ray.init`` turns token authentication on by itself half-way, reports usage, and litellm fetches a
price map over the network.
"""

import os

os.environ["RAY_AUTH_MODE"] = "token"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
