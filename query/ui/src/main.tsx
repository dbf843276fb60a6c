import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/parts.css";
import { render } from "preact";
import { startLive } from "./live";
import { Shell } from "./shell";
import { listenKeys } from "./state/keys";
import { listen } from "./state/url";
import { look } from "./who";

listen();
listenKeys();
startLive();
void look();
render(<Shell />, document.getElementById("app")!);
