"""How cautious rollouts are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RolloutSettings:
    """Shares are of matching calls, evidence is as the tests count it."""

    ramp: tuple[float, ...] = (0.01, 0.05, 0.25, 0.5)
    """Shares of a canary, one after the other; the last one also where all recorded calls failed,
    as nothing is lost there."""
    shadow_calls: int = 20
    """Calls to be matched before a canary, unless all of ten failed, recorded ones among them."""
    rescue_share: float = 0.5
    """Share of the failed calls that are sent again with the fix; the others are as they were."""
    rescued: float = 100.0
    """Evidence that a fix cures calls that have failed, at which it is tried on others."""
    rescue_calls: int = 50
    """Failed calls after which a fix that shows no benefit, not even `worry`, is rejected."""
    rescue_most: int = 1000
    """Failed calls after which the canary has to decide."""
    rescue_missed: int = 10
    """Failed calls in a row that no Runtime has sent again, and"""
    rescue_wait_s: float = 3.0
    """for so long, at which the canary begins without them; or"""
    rescue_patience_s: float = 60.0
    """when for so long there was no call to try the fix on."""
    step_calls: int = 20
    """Treated calls before the share grows."""
    least_treated: int = 5
    """Treated calls before a promotion: where all others fail, these alone could suffice."""
    worry: float = 3.0
    """Evidence that is no proof yet: of harm, at which the share does not grow and nothing is
    promoted; of benefit, at which a rescue goes on."""
    harm: float = 20.0
    """Evidence of harm that ends a canary. Each guard errs with one in twenty fixes that change
    nothing, at most; together, in simulated trials of 400 calls, with one in fourteen."""
    canary_calls: int = 10_000
    """Matching calls after which a canary that shows nothing ends."""
    patience_days: float = 14.0
    """After so long, a trial that too few calls take part in ends."""
    least_relief: float = 0.5
    """Relative risk of treated calls beyond which a fix is not worth having, once the interval lies
    there: it does not cure, or no longer."""
    broad: float = 20.0
    """Evidence that calls of the control arm are healthy although all recorded ones had failed: the
    pattern says too little, and would change calls with which nothing is wrong."""
    useless: float = 100.0
    """Evidence that a fix does not cure a failure which every matching call has."""
    holdback: float = 0.02
    """Share that is held back from a fix in force, to see whether it is still needed."""
    alarm: float = 1000.0
    """Evidence of harm by, or of trouble under, a fix in force; where nothing is wrong it takes
    as many calls on average to get there."""
    ease: float = 20.0
    """Evidence that calls which are held back fail less than they did, at which a fix in force is
    doubted. To be wrong costs a few failures, as the doubt then ends soon."""
    doubt_share: float = 0.5
    """Share that is treated while a fix in force is doubted."""
    doubt_calls: int = 1000
    """Matching calls after which a doubt that shows nothing ends."""
    relapse: float = 100.0
    """Evidence that a failure is back."""
    coin: float = 20.0
    """Evidence that arms are not reported as they were drawn, at which nothing is decided."""
    lost: float = 1000.0
    """Such evidence at which a trial is given up, after `lost_calls`: calls that are merely slow
    will have been reported by then."""
    lost_calls: int = 200
    quiet_days: float = 90.0
    """After so long without its failure, a dormant pattern is retired."""
    lease_s: float = 900.0
    """A rescue or a canary ends by itself when Core has not been heard of for so long."""
    most_active: int = 50
    """Learned patterns in force or on trial at the same time, per project."""
