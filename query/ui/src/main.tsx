import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import { render } from "preact";
import { startLive } from "./live";
import { Shell } from "./shell";
import { listenKeys } from "./state/keys";
import { listen } from "./state/url";
import { look, shut } from "./who";

listen();
listenKeys();
startLive();
void look();
document.addEventListener("visibilitychange", () => { if (!document.hidden && shut.value) void look(); }); // they may have signed in elsewhere
render(<Shell />, document.getElementById("app")!);
