from collections.abc import Mapping, Sequence

class PolicySet:
    @staticmethod
    def from_str(s: str) -> PolicySet: ...

class Entities:
    @staticmethod
    def from_json_str(s: str) -> Entities: ...

class AuthzResult:
    @property
    def allowed(self) -> bool: ...

def is_authorized(
    request: Mapping[str, object], policies: PolicySet, entities: Entities
) -> AuthzResult: ...
def is_authorized_batch(
    requests: Sequence[Mapping[str, object]], policies: PolicySet, entities: Entities
) -> list[AuthzResult]: ...
