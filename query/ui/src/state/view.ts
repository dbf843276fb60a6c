/** What every page shares beside the URL: the zone, the theme, the clock, what is said to screen readers, notices. */
import { computed, effect, signal } from "@preact/signals";
import type { Coverage } from "../api/types";
import { go, param } from "./url";

export const zone = computed(() => param("tz"));
export const theme = computed(() => param("theme"));

/** Milliseconds since 1970, once a second: for ages. Canvases read the clock themselves. */
export const now = signal(Date.now());
setInterval(() => { if (!document.hidden) now.value = Date.now(); }, 1000);

/** Counts changes of colour: canvases draw again. */
export const painted = signal(0);
effect(() => {
  const forced = theme.value;
  if (forced) document.documentElement.dataset["theme"] = forced;
  else delete document.documentElement.dataset["theme"];
  painted.value = painted.peek() + 1;
});
for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"]) matchMedia(query).addEventListener("change", () => painted.value++);

export const isDark = (): boolean => (theme.value ? theme.value === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
export const turnTheme = (): void => go({ theme: isDark() ? "light" : "dark" }, { replace: true });
export const turnZone = (): void => go({ tz: zone.value === "UTC" ? "local" : "UTC" }, { replace: true });

/** One sentence for screen readers. */
export const said = signal("");
export const say = (sentence: string): void => void (said.value = sentence);

/** A short confirmation such as "Copied". Never an error: those stand where they belong. */
export const notice = signal("");
let fading = 0;
export function confirm(text: string): void {
  notice.value = text;
  clearTimeout(fading);
  fading = window.setTimeout(() => (notice.value = ""), 1800);
}
export async function copy(text: string, what = "Copied"): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    confirm(what);
  } catch {
    confirm("The browser does not allow copying here");
  }
}

/** What a page tells the frame: the coverage of its answer (`to` undefined = now), the command that gives what is shown. */
export const covered = signal<{ coverage: Coverage; from: number; to: number | undefined } | undefined>(undefined);
export const command = signal("");
/** How many things need eyes, as the home page counted last. */
export const needEyes = signal(0);
