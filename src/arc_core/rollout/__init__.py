"""Proves fixes on live traffic: randomised rollouts, and what their outcomes tell."""
