/** One change as field, old, new: what the patch says, in the words of its paths. */
import type { Change, PatchStep } from "./types";

export interface FieldChange {
  readonly path: string;
  readonly op: "add" | "remove" | "replace";
  readonly old: unknown;
  readonly fresh: unknown;
  readonly manager: string | null;
}

/** Patches carry each old value as a `test` in front of what replaces or removes it. */
export function fieldsOf(change: Pick<Change, "patch" | "paths" | "managers">): FieldChange[] {
  const found: FieldChange[] = [];
  let tested: PatchStep | undefined;
  for (const step of change.patch) {
    if (step.op === "test") { tested = step; continue; }
    const n = found.length;
    const old = tested?.path === step.path ? tested.value : undefined;
    if (step.op === "add" || step.op === "replace" || step.op === "remove")
      found.push({ path: change.paths[n] ?? step.path, op: step.op, old, fresh: step.value, manager: change.managers[n] ?? null });
    tested = undefined;
  }
  return found;
}

/** Counters that follow from every change. */
export const isBookkeeping = (path: string): boolean => /^metadata\.(generation|resourceVersion|managedFields)\b|^status\.observedGeneration$/.test(path);

const tag = (image: string): string => /:([^/:@]+)(?:@|$)/.exec(image)?.[1] ?? image.split("@").pop()!.slice(0, 19);
const short = (value: unknown): string => { const text = typeof value === "string" ? value : JSON.stringify(value) ?? ""; return text.length > 40 ? `${text.slice(0, 38)}…` : text; };

/** The change in a few words: "Rollout 2.14.0 → 2.14.1", "replicas 4 → 6", "data.BANNER added", "Deleted". */
export function titleOf(change: Change, cls: string): string {
  if (change.op === "delete") return "Deleted";
  if (change.op === "add") return change.origin === "list" ? "First seen" : "Created";
  const fields = fieldsOf(change).filter(each => !isBookkeeping(each.path));
  if (fields.some(each => /template\.metadata\.annotations/.test(each.path) && JSON.stringify([each.path, each.fresh]).includes("kubectl.kubernetes.io/restartedAt"))) return "Restarted";
  const image = fields.find(each => /\.image$/.test(each.path) && typeof each.old === "string" && typeof each.fresh === "string");
  if (image) return `${cls === "rollout" ? "Rollout" : "Image"} ${tag(image.old as string)} → ${tag(image.fresh as string)}`;
  const first = fields.find(each => each.path.startsWith("spec.") || each.path.startsWith("data")) ?? fields[0];
  if (!first) return "Nothing that is shown changed";
  const name = /^(.*?)([^.[\]]+|\["[^"]*"\]|\[[^\]]*\])$/.exec(first.path);
  const leaf = first.path.startsWith("status.") ? lastWords(first.path) : (name?.[2] ?? first.path).replace(/^\["?|"?\]$/g, "");
  const more = fields.length > 1 ? `, +${fields.length - 1}` : "";
  const scalar = (value: unknown) => value === null || typeof value !== "object";
  if (first.op === "replace" && scalar(first.old) && scalar(first.fresh)) return `${leaf} ${short(first.old)} → ${short(first.fresh)}${more}`;
  return `${leaf} ${first.op === "add" ? "added" : first.op === "remove" ? "removed" : "changed"}${more}`;
}
const lastWords = (path: string): string => {
  const typed = /\[type=([^\]]+)\]/.exec(path)?.[1];
  return typed ? `${typed} ${path.split(".").pop()}` : path.split(".").slice(1).join(".");
};
