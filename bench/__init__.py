"""How fast Jangbu is, told as ratios against a yardstick from the same run; reports, never tests."""
