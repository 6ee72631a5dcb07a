"""Row of the dashboard: what it costs."""

from deploy.grafana.panels import GREY, ORANGE, Row, bars, lines, quantile, select, stat, target

ROW = Row(
    "Money",
    [6, 6, 6, 6, 6, 6, 6, 6],
    [
        stat(
            "Spent",
            "Dollars of models and slots together; unpriced calls are not in it.",
            f"(sum({select('llm_spent_usd')}) or vector(0)) + (sum({select('gpu_spent_usd')}) or vector(0))",
            "currencyUSD",
            decimals=2,
        ),
        stat(
            "Cap",
            "Dollars the campaign may cost; 0 means no cap.",
            select("cap_usd"),
            "currencyUSD",
            GREY,
            decimals=2,
        ),
        stat(
            "Set aside",
            "Dollars that open calls and runs may cost at most.",
            select("reserved_usd"),
            "currencyUSD",
            GREY,
            decimals=2,
        ),
        stat(
            "Unpriced calls",
            "Calls that used tokens and have no known price: give their model one in the configuration.",
            f"sum({select('llm_unpriced_calls')})",
            hue=ORANGE,
            decimals=0,
        ),
        lines(
            "Dollars by arm",
            "Dollars so far of models and of slots, by arm; a baseline's slots have no arm.",
            [
                target(f"sum by (arm) ({select('llm_spent_usd')})", "{{arm}}, models"),
                target(f"sum by (arm) ({select('gpu_spent_usd')})", "{{arm}}, slots"),
            ],
            "currencyUSD",
        ),
        lines(
            "Seconds of calls",
            "Half of the calls of each model came to their end sooner. More than a training takes: slots wait"
            " for it.",
            [target(quantile(0.5, "llm_call_duration_seconds", "model"), "{{model}}")],
            "s",
        ),
        bars(
            "Calls",
            "Calls of models by arm.",
            f"sum by (arm, model) ({select('llm_calls_total')})",
            "{{arm}}, {{model}}",
        ),
        bars(
            "Tokens",
            "Tokens so far, of prompts and of answers.",
            f"sum by (kind) ({select('llm_tokens_total')})",
            "{{kind}}",
        ),
    ],
)
