"""Timing the samplers honestly, beside what else there is: cases, contenders, clock, statistics and reports."""
