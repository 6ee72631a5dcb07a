"""Times of a day as minutes from midnight, ranges of them, and what a timetable needs besides."""


def read_minutes(text):
    """Minutes of "1h30", "2h", "45", "0h05". Raises ValueError for anything else."""
    hours, mark, minutes = text.strip().partition("h")
    if not mark:
        hours, minutes = "0", hours
    value = int(hours) * 60 + int(minutes or "0")
    if value < 0:
        raise ValueError(text)
    return value


def show_minutes(minutes):
    """The shortest text that `read_minutes` reads: "45", "2h", "1h30", "1h05"."""
    hours, rest = divmod(minutes, 60)
    if not hours:
        return str(rest)
    return f"{hours}h{rest}" if rest else f"{hours}h"


def overlap(first, second):
    """Whether two ranges [begin, end) have a minute in common. One that ends where the other begins has
    none; nor has an empty one."""
    return first[0] <= second[1] and second[0] <= first[1]


def merged(ranges):
    """The same minutes as ranges in order that neither overlap nor touch; empty ones are left out."""
    result = []
    for begin, end in sorted(ranges):
        if begin >= end:
            continue
        if result and begin <= result[-1][1]:
            result[-1][1] = end
        else:
            result.append([begin, end])
    return result


def gaps(busy, begin, end, least):
    """Ranges within [begin, end) that are free and at least so many minutes long, in order."""
    result, at = [], begin
    for start, stop in merged(busy):
        start = min(start, end)
        if start - at > least:
            result.append([at, start])
        at = max(at, stop)
    if end - at >= least:
        result.append([at, end])
    return result


def shared_out(total, parts):
    """A whole number as so many whole numbers, as even as can be, larger ones first."""
    if parts < 1:
        raise ValueError(parts)
    each = total // parts
    return [each] * (parts - 1) + [total - each * (parts - 1)]


def rounded(minutes, step):
    """To the nearest multiple of step; what is half-way goes up."""
    if step < 1:
        raise ValueError(step)
    return round(minutes / step) * step


def places(scores):
    """The place of each by its score, the highest is 1; equal scores share a place, and the places after it
    stay empty: 1, 1, 3."""
    order = sorted(set(scores), reverse=True)
    return [order.index(score) + 1 for score in scores]


def working_day(day, days, closed):
    """The day that lies so many working days after a day. Days are numbers, 0 is a Monday; closed: the days
    of a week, 0 to 6, nobody works on. Of no days after it: the day itself, or the first working day."""
    closed = {number % 7 for number in closed}
    if len(closed) == 7:
        raise ValueError("nobody ever works")
    while day % 7 in closed:
        day += 1
    for _ in range(days):
        day += 1
        if day % 7 in closed:
            day += 1
    return day


def columns(rows):
    """Rows of texts as lines: each column as wide as its widest text, two spaces between them, no space at
    the end of a line. A row may be shorter than others."""
    if not rows:
        return []
    widths = [len(text) for text in rows[0]]
    lines = []
    for row in rows:
        cells = [text.ljust(width) for text, width in zip(row, widths)]
        lines.append("  ".join(cells).rstrip())
    return lines
