"""How likely merges are false: no better in truth, by everything that was measured beside them"""
