"""A configuration file out of nested dictionaries."""
import copy
import json

MODULES = ("mod_disco", "mod_caps", "mod_version", "mod_time", "mod_last", "mod_ping",
           "mod_private", "mod_vcard", "mod_offline", "mod_roster", "mod_presence")


def _value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_value(v)}" for k, v in value.items()) + "}"
    return "[" + ", ".join(_value(v) for v in value) + "]"


def _is_tables(value):
    return isinstance(value, list) and bool(value) and all(isinstance(v, dict) for v in value)


def to_toml(tree, path=""):
    """Tables become [sections]; a list of tables [[sections]]."""
    lines = [f"{k} = {_value(v)}" for k, v in tree.items()
             if not isinstance(v, dict) and not _is_tables(v)]
    for key, value in tree.items():
        name = f"{path}.{key}" if path else key
        if isinstance(value, dict):
            lines += [f"[{name}]", to_toml(value, name)]
        elif _is_tables(value):
            for one in value:
                lines += [f"[[{name}]]", to_toml(one, name)]
    return "\n".join(line for line in lines if line)


def merge(base, over):
    """`over` on `base`, table by table; None takes a key out."""
    result = copy.deepcopy(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merge(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def defaults(directory, certificate, key):
    """What each server of the tests has, without listeners, and what TLS listeners share."""
    return {
        "general": {
            "hosts": ["localhost", "other.example"],
            "default_server_domain": "localhost",
            "loglevel": "debug",
            # All clients have one address, and some tests fail to log in again and again.
            "failed_logins": {"per_account": "infinity", "per_address": "infinity"},
        },
        "auth": {"methods": ["internal"], "password": {"scram_iterations": 4096}},
        "internal_databases": {"sqlite": {"path": f"{directory}/meerkat.db"}},
        "modules": {name: {} for name in MODULES},
    }, {"certfile": certificate, "keyfile": key, "verify_mode": "none"}
