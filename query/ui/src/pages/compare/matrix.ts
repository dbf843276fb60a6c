/** Up to ten objects side by side, each at two moments: which of their settings are equal, different, missing. Pure. */
import type { KubeObject } from "../../api/types";

export const MISSING = null;
/** Nobody watched: not the same as not there. */
export const UNKNOWN = Symbol("unknown");
export type Value = string | typeof MISSING | typeof UNKNOWN;
export interface Fact {
  readonly label: string;
  readonly value: string;
  /** As events spell it, for blame. */
  readonly path: string;
}
export type Facts = ReadonlyMap<string, Fact>;
/** An object at a moment: its facts, "missing" where there was none, "unknown" where nobody watched. */
export type Seen = Facts | "missing" | "unknown";
export interface Place {
  readonly id: string;
  readonly top: string;
  readonly sub: string;
  readonly a: Seen;
  readonly b: Seen;
}
export type Verdict = "eq" | "ne" | "mi" | "ex" | "un" | "na";
export const SIGN: Readonly<Record<Verdict, string>> = { eq: "=", ne: "≠", mi: "−", ex: "+", un: "?", na: "·" };
export const WORD: Readonly<Record<Verdict, string>> = { eq: "equal", ne: "different", mi: "missing here", ex: "only here", un: "unknown: not watched", na: "nowhere" };

const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value) ?? "");
type Tree = Record<string, unknown>;
const tree = (value: unknown): Tree => (typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Tree) : {});
const list = (value: unknown): Tree[] => (Array.isArray(value) ? value.map(tree) : []);
const key = (name: string): string => (/^[A-Za-z_][\w-]*$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`);

/** What tells one service from another. Of a workload the pod's settings; of anything else every leaf outside of status. */
export function factsOf(object: KubeObject): Facts {
  const found = new Map<string, Fact>();
  const put = (label: string, value: unknown, path: string) => { if (value !== undefined && found.size < 400) found.set(label, { label, value: text(value), path }); };
  const spec = tree(object["spec"]), template = tree(tree(spec["template"])["spec"]);
  if (Array.isArray(template["containers"])) workload(spec, template, put);
  else for (const part of Object.keys(object)) if (!["apiVersion", "kind", "metadata", "status"].includes(part)) leaves(object[part], part, part, put);
  for (const [name, value] of Object.entries(tree(object.metadata?.["labels"]))) put(`label ${name}`, value, `metadata.labels${key(name)}`);
  return found;
}

type Put = (label: string, value: unknown, path: string) => void;

function workload(spec: Tree, pod: Tree, put: Put): void {
  const containers = [...list(pod["containers"]).map(each => ["containers", each] as const), ...list(pod["initContainers"]).map(each => ["initContainers", each] as const)];
  for (const [where, each] of containers) {
    const name = text(each["name"]), at = `spec.template.spec.${where}[name=${name}]`;
    // One container is the service itself: its name, which differs from service to service, says nothing.
    const lead = containers.length === 1 ? "" : `${name} `;
    put(`${lead}image`, each["image"], `${at}.image`);
    for (const part of ["requests", "limits"]) for (const [of, amount] of Object.entries(tree(tree(each["resources"])[part]))) put(`${lead}${part}.${of}`, amount, `${at}.resources.${part}${key(of)}`);
    for (const env of list(each["env"])) put(`${lead}env ${text(env["name"])}`, env["value"] ?? env["valueFrom"] ?? "", `${at}.env[name=${text(env["name"])}]`);
    for (const part of ["command", "args", "envFrom", "ports", "readinessProbe", "livenessProbe", "securityContext", "imagePullPolicy"]) put(`${lead}${part}`, each[part], `${at}.${part}`);
  }
  for (const part of ["replicas", "strategy", "updateStrategy", "revisionHistoryLimit", "progressDeadlineSeconds"]) put(part, spec[part], `spec.${part}`);
  for (const part of ["serviceAccountName", "nodeSelector", "tolerations", "affinity", "priorityClassName", "terminationGracePeriodSeconds", "hostNetwork", "securityContext", "volumes"]) put(part, pod[part], `spec.template.spec.${part}`);
}

function leaves(value: unknown, label: string, path: string, put: Put): void {
  const entries = Object.entries(tree(value));
  if (Array.isArray(value) || !entries.length) return put(label, value, path);
  for (const [name, child] of entries) leaves(child, `${label} ${name}`.replace(/^(data|stringData|spec) /, ""), `${path}${key(name)}`, put);
}

export const valueOf = (seen: Seen, label: string): Value => (seen === "unknown" ? UNKNOWN : seen === "missing" ? MISSING : (seen.get(label)?.value ?? MISSING));

/** `mine` against `other`. */
export function judge(mine: Value, other: Value): Verdict {
  if (mine === UNKNOWN || other === UNKNOWN) return "un";
  if (mine === MISSING && other === MISSING) return "na";
  if (mine === other) return "eq";
  return mine === MISSING ? "mi" : other === MISSING ? "ex" : "ne";
}

export type Mode = "ref" | "time";
export interface MatrixRow {
  readonly label: string;
  readonly cells: readonly (readonly Verdict[])[];
  /** Equal wherever it can be judged. */
  readonly quiet: boolean;
}

/** One row per setting; against the first place at the same moment, or each place at B against itself at A. */
export function matrix(places: readonly Place[], mode: Mode): MatrixRow[] {
  const labels = new Map<string, number>();
  for (const each of places) for (const seen of [each.a, each.b]) if (typeof seen !== "string") for (const label of seen.keys()) labels.set(label, (labels.get(label) ?? 0) + 1);
  const ref = places[0];
  if (!ref) return [];
  return [...labels.keys()].sort((a, b) => rank(a) - rank(b)).map(label => {
    const cells = places.map((each, n) => mode === "time" ? [judge(valueOf(each.b, label), valueOf(each.a, label))]
      : n === 0 ? [valueOf(ref.a, label) === UNKNOWN ? "un" as const : valueOf(ref.a, label) === MISSING ? "na" as const : "eq" as const, ref.a === "unknown" ? judge(valueOf(ref.b, label), valueOf(ref.b, label)) : judge(valueOf(ref.b, label), valueOf(ref.a, label))]
        : [judge(valueOf(each.a, label), valueOf(ref.a, label)), judge(valueOf(each.b, label), valueOf(ref.b, label))]);
    // A place that was not there, or not watched, says nothing about one setting.
    const quiet = cells.every((cell, n) => cell.every((each, half) => each === "eq" || each === "na" || typeof (mode === "time" || half ? places[n]!.b : places[n]!.a) === "string"));
    return { label, cells, quiet };
  });
}
const ORDER = ["image", "replicas", "env", "requests", "limits", "command", "args", "envFrom"];
const rank = (label: string): number => { const n = ORDER.findIndex(each => label.split(" ").some(word => word === each || word.startsWith(`${each}.`))); return label.startsWith("label ") ? 90 : n < 0 ? 50 : n; };

export interface Life {
  readonly first_seen: string;
  /** It began there; false: it had been there before anybody looked. */
  readonly created: boolean;
  readonly deleted: boolean;
  readonly deleted_at: string | null;
}
/** Whether an object was there at a moment, as far as its lives tell; `since`: from then on somebody watched. */
export function presence(lives: readonly Life[], t: number, since: number | undefined): "there" | "missing" | "unknown" {
  if (lives.some(each => Date.parse(each.first_seen) <= t && !(each.deleted && each.deleted_at && Date.parse(each.deleted_at) <= t))) return "there";
  if (since === undefined || t < since) return "unknown";
  return lives.some(each => Date.parse(each.first_seen) > t && !each.created) ? "unknown" : "missing";
}
