/** Starts the page. */
import { render } from "preact";
import { takeToken } from "./api.ts";
import { App } from "./app.tsx";
import { store } from "./store.ts";

takeToken();
addEventListener("hashchange", () => {
  takeToken();
  location.reload();
});
render(<App />, document.getElementById("app")!);
store.start();
