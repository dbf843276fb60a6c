/** What all canvases of the timeline share: what is to be seen of it, bars of states, the hatch. */
import type { Zone } from "../ui/time";
import { EXISTS, FAILING, GONE, type Model, PROGRESSING, READY, TERMINATING } from "./model";
import type { Palette } from "./palette";
import type { Row } from "./rows";
import type { View } from "./scale";

export type G = CanvasRenderingContext2D;

export interface Scene {
  readonly model: Model;
  readonly view: View;
  readonly zone: Zone;
  readonly at: number;
  readonly a: number | undefined;
  readonly b: number | undefined;
  /** The instant "now"; right of it there is nothing yet. */
  readonly now: number;
  /** Up to here everything is believed in; undefined = unknown. */
  readonly known: number | undefined;
  /** From here on something was watched. */
  readonly since: number | undefined;
  readonly chosenMark: number;
  readonly chosenRow: string;
  readonly hoverRow: number;
  readonly orderOf: (row: Row) => Int32Array;
  readonly driftsOf: (row: Row) => readonly { readonly from: number; readonly to: number; readonly human: boolean }[];
}

const HEIGHT: readonly number[] = [0, 1, 1.5, 3.5, 8, 8, 12];

/** A stretch of one state: the worse, the taller. */
export function bar(g: G, p: Palette, code: number, x0: number, x1: number, y: number): void {
  const h = HEIGHT[code] ?? 0, w = Math.max(x1 - x0, 1.5);
  switch (code) {
    case GONE:
      g.strokeStyle = p.css.gone;
      g.lineWidth = 1.2;
      g.setLineDash([2, 4]);
      g.lineDashOffset = x0 % 6;
      g.beginPath();
      g.moveTo(x0, y);
      g.lineTo(x1, y);
      g.stroke();
      g.setLineDash([]);
      return;
    case TERMINATING:
      g.strokeStyle = p.css.terminating;
      g.lineWidth = 1.5;
      g.strokeRect(x0 + 0.75, y - h / 2 + 0.75, Math.max(w - 1.5, 1), h - 1.5);
      return;
    case PROGRESSING:
      g.fillStyle = p.css.progressing;
      g.fillRect(x0, y - h / 2, w, h);
      g.fillStyle = p.css.sheet;
      for (let x = x0 + 4; x < x1 - 1; x += 5) g.fillRect(x, y - h / 2, 1.2, h);
      return;
    case FAILING:
      g.fillStyle = p.css.failing;
      // In the dark a long failing lane would outshine what stands on it: dimmer inside, bright at the edges.
      if (p.dark && !p.forced && w > 6) {
        g.globalAlpha = 0.78;
        g.fillRect(x0, y - h / 2, w, h);
        g.globalAlpha = 1;
        g.fillRect(x0, y - h / 2, w, 1);
        g.fillRect(x0, y + h / 2 - 1, w, 1);
        g.fillRect(x0, y - h / 2, 1.5, h);
        g.fillRect(x0 + w - 1.5, y - h / 2, 1.5, h);
      } else g.fillRect(x0, y - h / 2, w, h);
      return;
    case READY:
    case EXISTS:
      g.fillStyle = code === READY ? p.css.ready : p.css.gone;
      g.fillRect(x0, y - h / 2, w, h);
  }
}

/** Nobody was watching. */
export function hatch(g: G, p: Palette, x0: number, y0: number, x1: number, y1: number): void {
  g.fillStyle = p.hatch ?? p.css.unknown;
  g.fillRect(x0, y0, x1 - x0, y1 - y0);
}
