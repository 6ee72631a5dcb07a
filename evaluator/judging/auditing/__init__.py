"""Whether claims hold: weights handed over, positions drawn, a twin asked, differences judged."""
