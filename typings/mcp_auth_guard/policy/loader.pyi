from mcp_auth_guard.schemas.policy import PolicyConfig

class PolicyLoader:
    @staticmethod
    def load_from_dict(data: dict[str, object]) -> PolicyConfig: ...
