/** Noise rules as settings. Pure. */
import type { Coverage, Hidden } from "../../api/types";
import { shellWord } from "../../ui/kinds";

export interface HiddenBy {
  rule: string;
  source: "recorded" | "setting";
  changes: number;
  objects: number;
}
export interface Suggestion {
  rule: string;
  kind: string;
  path: string;
  manager: string;
  writes: number;
  objects: number;
  per_hour: number;
  hides: number;
  hides_with_all: number;
  why: string;
}
export interface Noise {
  rules: HiddenBy[];
  suggestions: Suggestion[];
  changes: number;
  hidden: Hidden;
  from: string;
  to: string;
  coverage: Coverage;
}

/** What each recorded class stands for. */
const CLASSES: Readonly<Record<string, string>> = {
  lease: "leases that are renewed", heartbeat: "nodes that say they are alive", "leader-annotation": "who leads, written into an annotation", "autoscaler-status": "what an autoscaler measured",
  "status-time": "times of conditions, nothing else", "observed-generation": "a controller has seen the newest generation", "reconcile-time": "when a GitOps tool last looked", "managed-fields": "bookkeeping of field managers only", touch: "a write that changed nothing",
};
export const aboutClass = (rule: string): string => CLASSES[rule] ?? "";

export interface Made {
  readonly how: string;
  readonly text: string;
}
/** The ways to make rules stand: the file, the environment, the flag. TOML strings are escaped as JSON ones are. */
export function settings(rules: readonly string[]): Made[] {
  return [
    { how: "in kubelapse.toml", text: `noise = [${rules.map(each => JSON.stringify(each)).join(", ")}]` },
    { how: "in the environment", text: `KUBELAPSE_NOISE=${shellWord(rules.join(", "))}` },
    { how: "as flags", text: `kubelapse up ${rules.map(each => `--noise-rule ${shellWord(each)}`).join(" ")}` },
  ];
}
/** The rules of the settings, from an answer in which nothing is tried out. */
export const standing = (of: Noise | undefined): string[] | undefined => of?.rules.filter(each => each.source === "setting").map(each => each.rule);
/** The rule that is tried out, as the server writes it, which need not be as it was typed. */
export const triedOut = (of: Noise, stand: readonly string[] | undefined): HiddenBy | undefined => stand && of.rules.find(each => each.source === "setting" && !stand.includes(each.rule));
export const share = (part: number, all: number): number => (all ? Math.round((1000 * part) / all) / 10 : 0);
