"""Public holidays: which days are not what their weekday says."""
