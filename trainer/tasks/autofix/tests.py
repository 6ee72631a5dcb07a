"""Tests of the timetable. ``timetable`` is put here by measure.py: it calls functions in another process."""

import unittest
from typing import Any

timetable: Any


class ReadMinutesTest(unittest.TestCase):
    def test_hours_and_minutes(self):
        self.assertEqual(timetable.read_minutes("1h30"), 90)

    def test_hours(self):
        self.assertEqual(timetable.read_minutes(" 2h "), 120)

    def test_minutes(self):
        self.assertEqual(timetable.read_minutes("45"), 45)

    def test_a_leading_nought(self):
        self.assertEqual(timetable.read_minutes("0h05"), 5)

    def test_words(self):
        with self.assertRaises(ValueError):
            timetable.read_minutes("noon")

    def test_nothing(self):
        with self.assertRaises(ValueError):
            timetable.read_minutes("")

    def test_a_minus_before_minutes(self):
        with self.assertRaises(ValueError):
            timetable.read_minutes("2h-10")

    def test_more_than_an_hour_of_minutes_is_fine_alone(self):
        self.assertEqual(timetable.read_minutes("90"), 90)


class ShowMinutesTest(unittest.TestCase):
    def test_less_than_an_hour(self):
        self.assertEqual(timetable.show_minutes(45), "45")

    def test_whole_hours(self):
        self.assertEqual(timetable.show_minutes(120), "2h")

    def test_ninety(self):
        self.assertEqual(timetable.show_minutes(90), "1h30")

    def test_five_past(self):
        self.assertEqual(timetable.show_minutes(65), "1h05")

    def test_there_and_back(self):
        for minutes in (0, 9, 61, 69, 600, 1439):
            self.assertEqual(timetable.read_minutes(timetable.show_minutes(minutes)), minutes)

    def test_every_text_is_new(self):
        self.assertEqual(len({timetable.show_minutes(minutes) for minutes in range(150)}), 150)


class OverlapTest(unittest.TestCase):
    def test_apart(self):
        self.assertIs(timetable.overlap([0, 10], [20, 30]), False)

    def test_one_inside(self):
        self.assertIs(timetable.overlap([0, 100], [20, 30]), True)

    def test_touching(self):
        self.assertIs(timetable.overlap([0, 10], [10, 20]), False)

    def test_touching_from_above(self):
        self.assertIs(timetable.overlap([10, 20], [0, 10]), False)

    def test_an_empty_one(self):
        self.assertIs(timetable.overlap([5, 5], [0, 10]), False)


class MergedTest(unittest.TestCase):
    def test_in_order(self):
        self.assertEqual(timetable.merged([[30, 40], [0, 10]]), [[0, 10], [30, 40]])

    def test_touching(self):
        self.assertEqual(timetable.merged([[0, 10], [10, 20]]), [[0, 20]])

    def test_one_inside(self):
        self.assertEqual(timetable.merged([[0, 100], [20, 30]]), [[0, 100]])

    def test_one_inside_then_another(self):
        self.assertEqual(timetable.merged([[0, 100], [20, 30], [90, 120]]), [[0, 120]])

    def test_empty_ones(self):
        self.assertEqual(timetable.merged([[5, 5], [7, 6]]), [])


class GapsTest(unittest.TestCase):
    def test_a_free_day(self):
        self.assertEqual(timetable.gaps([], 540, 1020, 30), [[540, 1020]])

    def test_around_a_meeting(self):
        self.assertEqual(timetable.gaps([[600, 660]], 540, 1020, 30), [[540, 600], [660, 1020]])

    def test_just_long_enough(self):
        self.assertEqual(timetable.gaps([[570, 1020]], 540, 1020, 30), [[540, 570]])

    def test_too_short(self):
        self.assertEqual(timetable.gaps([[560, 1020]], 540, 1020, 30), [])

    def test_busy_before_it_begins(self):
        self.assertEqual(timetable.gaps([[0, 560]], 540, 1020, 30), [[560, 1020]])

    def test_busy_beyond_the_end(self):
        self.assertEqual(timetable.gaps([[600, 2000], [3000, 3100]], 540, 1020, 30), [[540, 600]])


class SharedOutTest(unittest.TestCase):
    def test_even(self):
        self.assertEqual(timetable.shared_out(9, 3), [3, 3, 3])

    def test_one_left(self):
        self.assertEqual(timetable.shared_out(10, 3), [4, 3, 3])

    def test_two_left(self):
        self.assertEqual(timetable.shared_out(11, 3), [4, 4, 3])

    def test_more_parts_than_things(self):
        self.assertEqual(timetable.shared_out(2, 4), [1, 1, 0, 0])

    def test_no_parts(self):
        with self.assertRaises(ValueError):
            timetable.shared_out(3, 0)


class RoundedTest(unittest.TestCase):
    def test_down(self):
        self.assertEqual(timetable.rounded(22, 15), 15)

    def test_up(self):
        self.assertEqual(timetable.rounded(23, 15), 30)

    def test_half_way_from_below(self):
        self.assertEqual(timetable.rounded(5, 10), 10)

    def test_half_way_again(self):
        self.assertEqual(timetable.rounded(25, 10), 30)

    def test_no_step(self):
        with self.assertRaises(ValueError):
            timetable.rounded(5, 0)


class PlacesTest(unittest.TestCase):
    def test_all_different(self):
        self.assertEqual(timetable.places([10, 30, 20]), [3, 1, 2])

    def test_a_shared_first(self):
        self.assertEqual(timetable.places([7, 7, 5]), [1, 1, 3])

    def test_a_shared_second(self):
        self.assertEqual(timetable.places([9, 4, 4, 4, 1]), [1, 2, 2, 2, 5])

    def test_nobody(self):
        self.assertEqual(timetable.places([]), [])


class WorkingDayTest(unittest.TestCase):
    def test_within_a_week(self):
        self.assertEqual(timetable.working_day(0, 3, [5, 6]), 3)

    def test_over_a_weekend(self):
        self.assertEqual(timetable.working_day(4, 1, [5, 6]), 7)

    def test_from_a_saturday(self):
        self.assertEqual(timetable.working_day(5, 0, [5, 6]), 7)

    def test_two_weekends(self):
        self.assertEqual(timetable.working_day(3, 7, [5, 6]), 14)

    def test_one_closed_day(self):
        self.assertEqual(timetable.working_day(0, 6, [6]), 7)


class ColumnsTest(unittest.TestCase):
    def test_nothing(self):
        self.assertEqual(timetable.columns([]), [])

    def test_two_rows(self):
        self.assertEqual(timetable.columns([["monday", "9"], ["friday", "10"]]), ["monday  9", "friday  10"])

    def test_a_wider_text_below(self):
        self.assertEqual(timetable.columns([["a", "b"], ["long", "c"]]), ["a     b", "long  c"])

    def test_a_longer_row_below(self):
        self.assertEqual(timetable.columns([["a"], ["b", "c"]]), ["a", "b  c"])
