"""Columns of what is around workloads: nodes, services, configuration, storage, rights, Kubernetes Events."""

from datetime import datetime

from query.kubeface.columns import AGE, NAME, Cells, Printer, age, columns, deleting, name, pairs, selector
from query.kubeface.durations import since
from query.kubeface.fields import flag, listed, mapping, number, strings, text, value, written
from schema.canonical import Json, JsonObject

_ROLE = "node-role.kubernetes.io/"
_ADDRESS_WIDTH = 16
_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def _node(one: JsonObject, now: datetime) -> Cells:
    ready = next((each for each in listed(one, "status", "conditions") if text(each, "type") == "Ready"), None)
    status = "Unknown" if ready is None else "Ready" if text(ready, "status") == "True" else "NotReady"
    if flag(one, "spec", "unschedulable"):
        status += ",SchedulingDisabled"
    labels = mapping(one, "metadata", "labels")
    roles = {key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE)}
    roles.add(written(labels.get("kubernetes.io/role")))
    told = (
        text(one, "status", "nodeInfo", each, default="<unknown>")
        for each in ("osImage", "kernelVersion", "containerRuntimeVersion")
    )
    return [
        name(one),
        status,
        ",".join(sorted(roles - {""})) or "<none>",
        age(one, now),
        text(one, "status", "nodeInfo", "kubeletVersion"),
        _address(one, "InternalIP"),
        _address(one, "ExternalIP"),
        *told,
    ]


def _address(node: JsonObject, kind: str) -> str:
    found = (text(each, "address") for each in listed(node, "status", "addresses") if text(each, "type") == kind)
    return next(found, "<none>")


def _namespace(one: JsonObject, now: datetime) -> Cells:
    return [name(one), text(one, "status", "phase"), age(one, now)]


def _service(one: JsonObject, now: datetime) -> Cells:
    addresses = strings(one, "spec", "clusterIPs")
    return [
        name(one),
        text(one, "spec", "type"),
        addresses[0] if addresses else "<none>",
        _external(one),
        ",".join(_port(each) for each in listed(one, "spec", "ports")) or "<none>",
        age(one, now),
        pairs(value(one, "spec", "selector")),
    ]


def _external(one: JsonObject) -> str:
    kind, own = text(one, "spec", "type"), strings(one, "spec", "externalIPs")
    if kind == "ExternalName":
        return text(one, "spec", "externalName")
    balanced = _balanced(one) if kind == "LoadBalancer" else []
    return ",".join([*balanced, *own]) or ("<pending>" if kind == "LoadBalancer" else "<none>")


def _balanced(one: JsonObject) -> list[str]:
    found = (text(each, "ip") or text(each, "hostname") for each in listed(one, "status", "loadBalancer", "ingress"))
    return sorted({each for each in found if each})


def _port(port: JsonObject) -> str:
    node = number(port, "nodePort")
    return f"{number(port, 'port')}{f':{node}' if node else ''}/{text(port, 'protocol')}"


def _ingress(one: JsonObject, now: datetime) -> Cells:
    return [
        name(one),
        text(one, "spec", "ingressClassName", default="<none>"),
        _hosts(one),
        ",".join(_balanced(one)),
        "80, 443" if listed(one, "spec", "tls") else "80",
        age(one, now),
    ]


def _hosts(one: JsonObject) -> str:
    rules = listed(one, "spec", "rules")
    hosts = [text(each, "host") for each in rules if text(each, "host")]
    more = f" + {len(rules) - 3} more..." if len(hosts) > 3 else ""
    return ",".join(hosts[:3]) + more if hosts else "*"


def _slice(one: JsonObject, now: datetime) -> Cells:
    ports = [str(value(each, "port") if value(each, "port") is not None else "*") for each in listed(one, "ports")]
    addresses = [address for each in listed(one, "endpoints") for address in strings(each, "addresses")]
    return [name(one), text(one, "addressType"), _few(ports, "<unset>"), _few(addresses, "<unset>"), age(one, now)]


def _few(items: list[str], nothing: str) -> str:
    more = f" + {len(items) - 3} more..." if len(items) > 3 else ""
    return ",".join(items[:3]) + more if items else nothing


def _endpoints(one: JsonObject, now: datetime) -> Cells:
    found: list[str] = []
    for subset in listed(one, "subsets"):
        addresses = [text(each, "ip") for each in listed(subset, "addresses")]
        ports = [number(each, "port") for each in listed(subset, "ports")]
        found += [_joined(each, port) for port in ports for each in addresses] if ports else addresses
    return [name(one), _few(found, "<none>"), age(one, now)]


def _joined(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _configmap(one: JsonObject, now: datetime) -> Cells:
    return [name(one), len(mapping(one, "data")) + len(mapping(one, "binaryData")), age(one, now)]


def _secret(one: JsonObject, now: datetime) -> Cells:
    return [name(one), text(one, "type"), len(mapping(one, "data")), age(one, now)]


def _plain(one: JsonObject, now: datetime) -> Cells:
    return [name(one), age(one, now)]


def _created(one: JsonObject, _: datetime) -> Cells:
    return [name(one), text(one, "metadata", "creationTimestamp")]


def _claim(one: JsonObject, now: datetime) -> Cells:
    bound = bool(text(one, "spec", "volumeName"))
    return [
        name(one),
        "Terminating" if deleting(one) else text(one, "status", "phase"),
        text(one, "spec", "volumeName"),
        written(value(one, "status", "capacity", "storage") or 0) if bound else "",
        _modes(value(one, "status", "accessModes")) if bound else "",
        _class(one),
        text(one, "spec", "volumeAttributesClassName", default="<unset>"),
        age(one, now),
        text(one, "spec", "volumeMode", default="<unset>"),
    ]


def _volume(one: JsonObject, now: datetime) -> Cells:
    claim = mapping(one, "spec", "claimRef")
    return [
        name(one),
        written(value(one, "spec", "capacity", "storage") or 0),
        _modes(value(one, "spec", "accessModes")),
        text(one, "spec", "persistentVolumeReclaimPolicy"),
        "Terminating" if deleting(one) else text(one, "status", "phase"),
        f"{text(claim, 'namespace')}/{text(claim, 'name')}" if claim else "",
        _class(one),
        text(one, "spec", "volumeAttributesClassName", default="<unset>"),
        text(one, "status", "reason"),
        age(one, now),
        text(one, "spec", "volumeMode", default="<unset>"),
    ]


def _class(one: JsonObject) -> str:
    old = text(one, "metadata", "annotations", "volume.beta.kubernetes.io/storage-class")
    return old or text(one, "spec", "storageClassName")


def _modes(found: Json) -> str:
    present = found if isinstance(found, list) else []
    return ",".join(short for mode, short in _MODES.items() if mode in present)


def _storageclass(one: JsonObject, now: datetime) -> Cells:
    annotations = mapping(one, "metadata", "annotations")
    standard = any(
        annotations.get(f"storageclass.{each}kubernetes.io/is-default-class") == "true" for each in ("", "beta.")
    )
    return [
        f"{name(one)} (default)" if standard else name(one),
        text(one, "provisioner"),
        text(one, "reclaimPolicy", default="Delete"),
        text(one, "volumeBindingMode", default="Immediate"),
        flag(one, "allowVolumeExpansion"),
        age(one, now),
    ]


def _binding(one: JsonObject, now: datetime) -> Cells:
    subjects = listed(one, "subjects")

    def of(kind: str) -> str:
        return ", ".join(_subject(each) for each in subjects if text(each, "kind") == kind)

    role = f"{text(one, 'roleRef', 'kind')}/{text(one, 'roleRef', 'name')}"
    return [name(one), role, age(one, now), of("User"), of("Group"), of("ServiceAccount")]


def _subject(one: JsonObject) -> str:
    space = text(one, "namespace")
    return f"{space}/{text(one, 'name')}" if text(one, "kind") == "ServiceAccount" and space else text(one, "name")


def _policy(one: JsonObject, now: datetime) -> Cells:
    return [name(one), selector(value(one, "spec", "podSelector")), age(one, now)]


def _disruption(one: JsonObject, now: datetime) -> Cells:
    limits = (value(one, "spec", each) for each in ("minAvailable", "maxUnavailable"))
    told = ("N/A" if each is None else str(each) for each in limits)
    return [name(one), *told, number(one, "status", "disruptionsAllowed"), age(one, now)]


def _quota(one: JsonObject, now: datetime) -> Cells:
    hard, used = mapping(one, "status", "hard"), mapping(one, "status", "used")
    told = {each: f"{each}: {written(used.get(each)) or 0}/{written(hard[each])}" for each in sorted(hard)}
    requests = ", ".join(text for each, text in told.items() if not each.startswith("limits."))
    return [
        name(one),
        requests,
        ", ".join(text for each, text in told.items() if each.startswith("limits.")),
        age(one, now),
    ]


def _priority(one: JsonObject, now: datetime) -> Cells:
    return [
        name(one),
        number(one, "value"),
        flag(one, "globalDefault"),
        age(one, now),
        text(one, "preemptionPolicy"),
    ]


def _lease(one: JsonObject, now: datetime) -> Cells:
    return [name(one), text(one, "spec", "holderIdentity"), age(one, now)]


def _revision(one: JsonObject, now: datetime) -> Cells:
    owner = next((each for each in listed(one, "metadata", "ownerReferences") if flag(each, "controller")), None)
    made = "<none>"
    if owner is not None:
        group = text(owner, "apiVersion").rpartition("/")[0]
        made = f"{text(owner, 'kind').lower()}{f'.{group}' if group else ''}/{text(owner, 'name')}"
    return [name(one), made, number(one, "revision"), age(one, now)]


def _event(one: JsonObject, now: datetime) -> Cells:
    first = since(value(one, "firstTimestamp") or value(one, "eventTime"), now)
    last = value(one, "lastTimestamp")
    about = text(one, "involvedObject", "kind").lower()
    component = text(one, "source", "component") or text(one, "reportingComponent")
    instance = text(one, "source", "host") or text(one, "reportingInstance")
    return [
        since(last, now) if last else first,
        text(one, "type"),
        text(one, "reason"),
        f"{about}/{text(one, 'involvedObject', 'name')}" if text(one, "involvedObject", "name") else about,
        text(one, "involvedObject", "fieldPath"),
        f"{component}, {instance}" if instance else component,
        text(one, "message").strip(),
        first,
        number(one, "count", default=1) or 1,
        name(one),
    ]


PLAIN = Printer((NAME, AGE), _plain)
"""For every kind that has no columns of its own."""

_BINDING = Printer((NAME, *columns("Role"), AGE, *columns("Users+", "Groups+", "ServiceAccounts+")), _binding)

CLUSTER = {
    "nodes": Printer(
        (
            NAME,
            *columns("Status", "Roles"),
            AGE,
            *columns("Version", "Internal-IP+", "External-IP+", "OS-Image+", "Kernel-Version+", "Container-Runtime+"),
        ),
        _node,
    ),
    "namespaces": Printer((NAME, *columns("Status"), AGE), _namespace),
    "services": Printer(
        (NAME, *columns("Type", "Cluster-IP", "External-IP", "Port(s)"), AGE, *columns("Selector+")), _service
    ),
    "ingresses.networking.k8s.io": Printer((NAME, *columns("Class", "Hosts", "Address", "Ports"), AGE), _ingress),
    "endpointslices.discovery.k8s.io": Printer((NAME, *columns("AddressType", "Ports", "Endpoints"), AGE), _slice),
    "endpoints": Printer((NAME, *columns("Endpoints"), AGE), _endpoints),
    "configmaps": Printer((NAME, *columns("Data"), AGE), _configmap),
    "secrets": Printer((NAME, *columns("Type", "Data"), AGE), _secret),
    "roles.rbac.authorization.k8s.io": Printer((NAME, *columns("Created At")), _created),
    "clusterroles.rbac.authorization.k8s.io": Printer((NAME, *columns("Created At")), _created),
    "customresourcedefinitions.apiextensions.k8s.io": Printer((NAME, *columns("Created At")), _created),
    "persistentvolumeclaims": Printer(
        (
            NAME,
            *columns("Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass"),
            AGE,
            *columns("VolumeMode+"),
        ),
        _claim,
    ),
    "persistentvolumes": Printer(
        (
            NAME,
            *columns("Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass"),
            *columns("VolumeAttributesClass", "Reason"),
            AGE,
            *columns("VolumeMode+"),
        ),
        _volume,
    ),
    "storageclasses.storage.k8s.io": Printer(
        (NAME, *columns("Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion"), AGE),
        _storageclass,
    ),
    "rolebindings.rbac.authorization.k8s.io": _BINDING,
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDING,
    "networkpolicies.networking.k8s.io": Printer((NAME, *columns("Pod-Selector"), AGE), _policy),
    "poddisruptionbudgets.policy": Printer(
        (NAME, *columns("Min Available", "Max Unavailable", "Allowed Disruptions:integer"), AGE), _disruption
    ),
    "resourcequotas": Printer((NAME, *columns("Request", "Limit"), AGE), _quota),
    "priorityclasses.scheduling.k8s.io": Printer(
        (NAME, *columns("Value:integer", "Global-Default:boolean"), AGE, *columns("PreemptionPolicy+")), _priority
    ),
    "leases.coordination.k8s.io": Printer((NAME, *columns("Holder"), AGE), _lease),
    "controllerrevisions.apps": Printer((NAME, *columns("Controller", "Revision"), AGE), _revision),
    "events": Printer(
        columns(
            "Last Seen",
            "Type",
            "Reason",
            "Object",
            "Subobject+",
            "Source+",
            "Message",
            "First Seen+",
            "Count+",
            "Name+",
        ),
        _event,
    ),
}
