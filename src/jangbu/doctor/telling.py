"""Whether anybody would hear of it: the ways to reach people, and what could not be said."""

from jangbu.doctor.findings import Finding, bad, good, look
from jangbu.notices.channels import alert_recipients, is_configured
from jangbu.notices.rules import Channel
from jangbu.notices.store import Waiting
from jangbu.settings import Settings

CHANNELS = "notices"
ALERTS = "alerts"
HOW = "Set SMTP_HOST, EMAIL_FROM and ALERT_EMAIL_RECIPIENTS, or SLACK_WEBHOOK_URL; jangbu notices test tries them."


def channels(settings: Settings) -> Finding:
    """Who is told when something is wrong, and by what."""
    addresses = [to for channel, to in alert_recipients(settings) if channel is Channel.EMAIL]
    by_mail, by_slack = is_configured(Channel.EMAIL, settings), is_configured(Channel.SLACK, settings)
    if addresses and not settings.smtp_host:
        return bad(CHANNELS, f"{len(addresses)} recipients of alerts are set, and no mail server.", "Set SMTP_HOST.")
    if addresses and not by_mail:
        return bad(CHANNELS, "A mail server is set, and nothing says who mail is from.", "Set EMAIL_FROM.")
    if not addresses and not by_slack:
        sentence = "No channel is configured: alerts are seen in the console only."
        if settings.mode == "sandbox":
            return good(CHANNELS, f"{sentence} For practice that will do.")
        return look(CHANNELS, sentence, HOW)
    ways = [f"e-mail to {', '.join(addresses)} by {settings.smtp_host}"] if addresses else []
    ways += ["Slack"] if by_slack else []
    return good(CHANNELS, f"Alerts go by {' and by '.join(ways)}. jangbu notices test tries it.")


def waiting(found: Waiting) -> list[Finding]:
    """Alerts that nobody has taken on, and messages that did not arrive."""
    if found.open_alerts:
        untold = f" {found.untold} of them reached nobody, for want of a channel." if found.untold else ""
        alerts = look(
            ALERTS,
            f"{found.open_alerts} are open, {found.critical} of them critical.{untold}",
            "The console shows them under Alerts.",
        )
    else:
        alerts = good(ALERTS, "None is open.")
    if found.given_up or found.failed:
        return [
            alerts,
            look(
                "unsent notices",
                f"{found.given_up} were given up, {found.failed} failed and will be tried again.",
                "jangbu notices list --state given_up says why; jangbu notices retry sends again.",
            ),
        ]
    return [alerts]
