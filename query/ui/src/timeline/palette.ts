/** Colours and fonts of the page for canvases, which cannot read custom properties, and marks drawn once as sprites. */
import { CLASSES, MARK_PATHS, tone, type Class } from "../ui/glyphs";

const NAMES = [
  "paper", "sheet", "raised", "sunken", "hover", "chosen", "line", "edge", "ink", "ink-2", "ink-3", "inverse", "focus", "ready", "progressing", "failing", "terminating", "gone",
  "unknown", "drift", "m-spec", "m-status", "m-metadata", "m-delete", "m-drift", "m-rollout",
] as const;
export type Colour = (typeof NAMES)[number];

export interface Palette {
  readonly css: Readonly<Record<Colour, string>>;
  readonly font: string;
  readonly dark: boolean;
  /** Forced colours: shapes get outlines. */
  readonly forced: boolean;
  readonly hatch: CanvasPattern | null;
  readonly sprite: (of: number, human: boolean, big: boolean) => ImageBitmap;
  readonly ratio: number;
}

export const SPRITE = 28;

export function readPalette(dark: boolean): Palette {
  const css = {} as Record<Colour, string>;
  const forced = matchMedia("(forced-colors: active)").matches;
  // All probes first, then all answers: styles are computed once.
  const box = document.body.appendChild(document.createElement("div"));
  box.hidden = true;
  const probes = NAMES.map(name => {
    const probe = box.appendChild(document.createElement("i"));
    probe.style.color = `var(--${name})`;
    return probe;
  });
  NAMES.forEach((name, n) => { css[name] = getComputedStyle(probes[n]!).color; });
  box.remove();
  if (forced) forceColours(css);
  const ratio = devicePixelRatio || 1;
  const font = getComputedStyle(document.body).fontFamily;
  for (const weight of ["", "600 "]) writer(`${weight}11px ${font}`); // a font is looked for when it is first used
  // All at once, and as bitmaps: a canvas as a source would be settled anew for the first frame, each on its own.
  const made = CLASSES.flatMap(of => [0, 1, 2, 3].map(kind => drawMark(of, kind >= 2, kind % 2 === 1, css, ratio)));
  const sprite = (of: number, human: boolean, big: boolean): ImageBitmap => made[of * 4 + (human ? 2 : 0) + (big ? 1 : 0)] ?? made[0]!;
  return { css, font, dark, forced, hatch: hatchPattern(css, ratio), sprite, ratio };
}

function writer(font: string): void {
  const [, g] = canvas(1, 1);
  g.font = font;
  g.strokeText("0", 0, 0);
  g.fillText("0", 0, 0);
}

function forceColours(css: Record<Colour, string>): void {
  for (const name of NAMES) css[name] = "CanvasText";
  for (const name of ["paper", "sheet", "raised", "sunken", "hover", "inverse"] as const) css[name] = "Canvas";
  css.chosen = "Canvas";
  css.line = css.edge = "GrayText";
  css.focus = "Highlight";
}

function canvas(size: number, ratio: number): [OffscreenCanvas, OffscreenCanvasRenderingContext2D] {
  const made = new OffscreenCanvas(Math.round(size * ratio), Math.round(size * ratio));
  const g = made.getContext("2d", { willReadFrequently: true })!; // small, and never drawn to again: no business of a GPU
  g.scale(ratio, ratio);
  return [made, g];
}

function drawMark(of: Class, human: boolean, big: boolean, css: Record<Colour, string>, ratio: number): ImageBitmap {
  const [made, g] = canvas(SPRITE, ratio);
  const path = new Path2D(MARK_PATHS[of]);
  g.translate(SPRITE / 2, SPRITE / 2);
  if (big) g.scale(1.3, 1.3);
  g.lineJoin = "round";
  if (human) {
    g.beginPath();
    g.arc(0, 0, 8, 0, 7);
    g.fillStyle = css.sheet;
    g.fill();
  }
  g.lineWidth = of === "status" ? 1.6 : 3;
  g.strokeStyle = css.sheet;
  g.stroke(path);
  g.fillStyle = css[tone(of) as Colour];
  g.fill(path, "evenodd");
  if (human) {
    g.beginPath();
    g.arc(0, 0, 8, 0, 7);
    g.lineWidth = 3.2;
    g.strokeStyle = css.sheet;
    g.stroke();
    g.lineWidth = 1.4;
    g.strokeStyle = css.ink;
    g.stroke();
  }
  return made.transferToImageBitmap();
}

/** The one texture of "nobody was watching", opaque, seamless. */
function hatchPattern(css: Record<Colour, string>, ratio: number): CanvasPattern | null {
  const [made, g] = canvas(6, ratio);
  g.fillStyle = css.sheet;
  g.fillRect(0, 0, 6, 6);
  g.strokeStyle = css.unknown;
  g.lineWidth = 1;
  g.beginPath();
  for (const x of [-6, 0, 6]) { g.moveTo(x - 1, 7); g.lineTo(x + 7, -1); }
  g.stroke();
  const pattern = g.createPattern(made, "repeat");
  pattern?.setTransform(new DOMMatrix().scale(1 / ratio));
  return pattern;
}
