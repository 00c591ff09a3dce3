"""The shipped delta deployment, served with another interval: what the benchmark of the lag measures.

python -m tests.benchmarks.lag_flow INTERVAL
"""

from __future__ import annotations

import sys

from prefect import serve

from flows.served import deployment, read


def main(interval: float) -> None:
    """Serve until ended."""
    (declared,) = [each for each in read() if each["entrypoint"].startswith("flows.delta_sync")]
    parameters = {**declared["parameters"], "linger": 1.5 * interval}
    made = deployment({**declared, "schedules": [{"interval": interval}], "parameters": parameters})
    serve(made, pause_on_shutdown=False, print_starting_message=False)


if __name__ == "__main__":
    main(float(sys.argv[1]))
