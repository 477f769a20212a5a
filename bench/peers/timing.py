"""What the scripts of the peers share: the time of a call."""
import statistics
import time


def median_ms(call, seconds, warm_ups=5):
    """Of the calls that fit into the seconds, at least 5, after some that are not timed."""
    for _ in range(warm_ups):
        call()
    samples, end = [], time.perf_counter() + seconds
    while len(samples) < 5 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        samples.append(time.perf_counter() - start)
    return statistics.median(samples) * 1e3
