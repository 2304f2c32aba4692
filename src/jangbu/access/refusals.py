"""What access refuses, each with its stable code."""

from typing import ClassVar

from jangbu.errors import Refusal, Unavailable


class Unauthorized(Refusal):
    """We do not know who is asking.

    One answer for a missing, wrong, revoked or expired credential: what exactly is wrong stands in our log alone.
    """

    code = "UNAUTHORIZED"
    http_status = 401
    ko = (
        "인증이 필요합니다. API 키(Authorization: Bearer jbk_…)를 보내거나 로그인해 주세요. "
        "폐기되거나 만료된 키와 세션은 쓸 수 없습니다."
    )
    en = (
        "Send an API key (Authorization: Bearer jbk_…) or sign in. A key or session that was revoked or has expired "
        "is not accepted."
    )


class Forbidden(Refusal):
    """We know who is asking, and they may not do this."""

    code = "FORBIDDEN"
    http_status = 403
    ko = "이 작업에 대한 권한이 없습니다. 필요한 권한: {needed}. 관리자에게 요청해 주세요."
    en = "You may not do this. It needs {needed}. Ask an administrator for it."


class TooManyPayerSecrets(Refusal):
    """A store has two secrets for payers' tokens in use already."""

    code = "TOO_MANY_PAYER_SECRETS"
    http_status = 409
    ko = "이 상점은 이미 비밀 두 개를 쓰고 있습니다. 쓰지 않는 것을 먼저 끝내 주세요."
    en = "This store has two secrets in use already. End the one you do not use first."


class PayerSecretUnknown(Refusal):
    """There is no such secret for payers' tokens."""

    code = "PAYER_SECRET_NOT_FOUND"
    http_status = 404
    ko = "해당 구매자 토큰 비밀을 찾을 수 없습니다."
    en = "There is no such secret for payers' tokens."


class SignInAgain(Refusal):
    """What is asked for wants a password given within the last 15 minutes; this session's is older."""

    code = "FRESH_SIGN_IN_NEEDED"
    http_status = 403
    ko = "이 작업은 15분 이내에 비밀번호를 확인한 로그인으로만 할 수 있습니다. 다시 로그인한 뒤 시도해 주세요."
    en = "This needs a sign-in that is less than 15 minutes old. Sign in again, then repeat it."


class CrossSiteRequest(Refusal):
    """A signed-in browser sent a change that did not come from one of our own pages or an allowed origin."""

    code = "CROSS_SITE_REQUEST"
    http_status = 403
    ko = (
        "다른 사이트에서 온 요청이라 처리하지 않았습니다. 이 페이지를 새로 고친 뒤 다시 시도해 주세요. "
        "(운영자는 JANGBU_PUBLIC_URL과 ALLOWED_ORIGINS 설정을 확인해 주세요.)"
    )
    en = (
        "This request came from another site, so nothing was done. Reload the page and try again. "
        "(Whoever runs this installation: see JANGBU_PUBLIC_URL and ALLOWED_ORIGINS.)"
    )


class SignInRefused(Refusal):
    """The e-mail address or the password is wrong, or the person may not sign in any more. We do not say which."""

    code = "SIGN_IN_REFUSED"
    http_status = 401
    ko = "이메일 또는 비밀번호가 올바르지 않습니다."
    en = "The e-mail address or the password is not right."


class TooManySignIns(Refusal):
    """Too many sign-ins failed for this e-mail address or from this network address. `Retry-After` says how long."""

    code = "TOO_MANY_SIGN_INS"
    http_status = 429
    ko = "로그인 실패가 너무 많습니다. {minutes}분 뒤에 다시 시도해 주세요."
    en = "Too many sign-ins have failed. Try again in {minutes} minutes."

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(minutes=-(-retry_after_s // 60))
        self.retry_after_s = retry_after_s


class TooManyRequests(Refusal):
    """More requests than this caller, or a stranger at this address, may make. `Retry-After` says how long to wait."""

    code = "TOO_MANY_REQUESTS"
    http_status = 429
    ko = "요청이 너무 많습니다. {seconds}초 뒤에 다시 시도해 주세요. 아무것도 처리하지 않았습니다."
    en = "Too many requests. Try again in {seconds} seconds. Nothing was done."

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(seconds=retry_after_s)
        self.retry_after_s = retry_after_s


class SignInBusy(Unavailable):
    """More people are signing in at once than we check passwords for. Checking is slow on purpose."""

    code = "SIGN_IN_BUSY"
    ko = "지금 로그인 요청이 많습니다. 잠시 후 다시 시도해 주세요."
    en = "Many people are signing in right now. Please try again shortly."

    retry_after_s: ClassVar[int] = 3


class EmailTaken(Refusal):
    """Somebody has this e-mail address already."""

    code = "EMAIL_TAKEN"
    http_status = 409
    ko = "이미 등록된 이메일입니다."
    en = "This e-mail address is taken."


class EmailMalformed(Refusal):
    """This is not an e-mail address we can use."""

    code = "EMAIL_MALFORMED"
    http_status = 422
    ko = "이메일 주소 형식이 올바르지 않습니다."
    en = "This is not an e-mail address."


class PasswordUnfit(Refusal):
    """A password has at least ten characters."""

    code = "PASSWORD_UNFIT"
    http_status = 422
    ko = "비밀번호는 {shortest}자 이상 {longest}자 이하여야 합니다."
    en = "A password has {shortest} to {longest} characters."


class RoleUnknown(Refusal):
    """There is no such role."""

    code = "ROLE_UNKNOWN"
    http_status = 422
    ko = "알 수 없는 역할입니다. 가능한 역할: {known}"
    en = "There is no such role. Roles: {known}"


class PersonUnknown(Refusal):
    """Nobody on the staff goes by this."""

    code = "PERSON_NOT_FOUND"
    http_status = 404
    ko = "해당 직원을 찾을 수 없습니다."
    en = "There is no such person on the staff."


class LastSuperAdmin(Refusal):
    """Without an active Super Admin nobody could let anybody in again."""

    code = "LAST_SUPER_ADMIN"
    http_status = 409
    ko = "마지막 Super Admin의 권한은 없앨 수 없습니다. 먼저 다른 사람을 Super Admin으로 지정해 주세요."
    en = "This is the last Super Admin. Make somebody else one first."


class NameMissing(Refusal):
    """A key or a person has a name that others can recognise."""

    code = "NAME_MISSING"
    http_status = 422
    ko = "이름은 1자 이상 100자 이하여야 합니다."
    en = "A name has 1 to 100 characters."


class ScopeUnknown(Refusal):
    """A key is made for at least one scope, each from the list."""

    code = "SCOPE_UNKNOWN"
    http_status = 422
    ko = "API 키에 줄 수 없는 권한입니다: {wrong}. 가능한 권한: {known}"
    en = "A key cannot have these scopes: {wrong}. It can have: {known}"


class KeyExpiryPast(Refusal):
    """A key expires in the future, or never."""

    code = "KEY_EXPIRY_IN_THE_PAST"
    http_status = 422
    ko = "만료 시각은 현재보다 뒤여야 합니다."
    en = "A key must expire in the future."


class KeyUnknown(Refusal):
    """There is no such API key."""

    code = "API_KEY_NOT_FOUND"
    http_status = 404
    ko = "API 키를 찾을 수 없습니다. 키의 ID나 표시용 앞부분(jbk_…)을 확인해 주세요."
    en = "There is no such API key. Give its id, or its shown beginning (jbk_…)."


class MoreThanYouHave(Refusal):
    """Nobody gives anybody more than they may do themselves."""

    code = "MORE_THAN_YOU_HAVE"
    http_status = 403
    ko = "본인에게 없는 권한은 다른 사람이나 키에 줄 수 없고, 본인보다 권한이 많은 사람을 바꿀 수도 없습니다."
    en = "You cannot give what you do not have, nor change somebody who has more than you."


class LinkUnusable(Refusal):
    """A one-time link that was used, replaced, taken back or has expired, or never was one. We do not say which."""

    code = "LINK_UNUSABLE"
    http_status = 410
    ko = (
        "사용할 수 없는 링크입니다. 이미 사용했거나 만료되었거나 새 링크로 바뀌었습니다. "
        "관리자에게 새 링크를 요청해 주세요."
    )
    en = (
        "This link cannot be used: it was used, has expired, or there is a newer one. "
        "Ask an administrator for a new one."
    )


class PasswordsDiffer(Refusal):
    """A new password is typed twice, the same."""

    code = "PASSWORDS_DIFFER"
    http_status = 422
    ko = "두 비밀번호가 서로 다릅니다. 다시 입력해 주세요."
    en = "The two passwords differ. Type them again."


class PasswordWrong(Refusal):
    """The present password, asked for before it is changed, is not right."""

    code = "PASSWORD_WRONG"
    http_status = 422
    ko = "현재 비밀번호가 올바르지 않습니다."
    en = "The present password is not right."


class SessionUnknown(Refusal):
    """You have no such session."""

    code = "SESSION_NOT_FOUND"
    http_status = 404
    ko = "해당 로그인을 찾을 수 없습니다. 이미 끝났을 수 있습니다."
    en = "You have no such session; perhaps it has ended."
