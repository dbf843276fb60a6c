/** `/api/v1/timeline`: the columns that are drawn. What each means is written in `query/timeline_view.py`. */
import type { Coverage, Hidden } from "./types";

export interface TimelineAnswer {
  from: string;
  to: string;
  /** All times below are whole milliseconds after this. */
  origin: string;
  span: number;
  now: number | null;
  coverage: Coverage;
  hidden: Hidden;
  total: number;
  mode: "marks" | "bins";
  strings: string[];
  classes: string[];
  states: string[];
  lanes: {
    cluster: number[];
    namespace: number[];
    kind: number[];
    resource: number[];
    name: number[];
    owner: number[];
    changes: number[];
    worst: number[];
    state: number[];
    note: number[];
    last: number[];
  };
  lanes_left_out: number;
  /** What states are made of; 0 says nothing. */
  said: { state: number[]; note: number[] };
  lives: { lane: number[]; uid: string[]; epoch: number[]; from: (number | null)[]; to: (number | null)[]; said: number[] };
  bars: { life: number[]; t: number[]; said: number[] } | null;
  marks: {
    t: number[];
    life: number[];
    class: number[];
    op: number[];
    actor: number[];
    human: number[];
    seq: number[];
    said: { mark: number[]; said: number[] };
    error: { mark: number[]; ms: number[] };
    epoch: { mark: number[]; epoch: number[] };
    noise: number[];
  } | null;
  bins: { width: number; cells: number[]; bin: number[]; count: number[]; class: number[]; human: number[]; worst: number[]; final: number[] } | null;
  overview: { width: number; loud: number[]; quiet: number[] };
  spans: { class: "gap" | "late"; from: number; to: number; cluster: string; resource: string; namespace: string; reason: string; id: string }[];
}
