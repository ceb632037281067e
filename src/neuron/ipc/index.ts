/** Neurons in the renderer of a desktop app: frames go through a bridge that the app's preload script exposes. */
export { IpcTransport, type NeuronIpcBridge } from "./ipc-transport.js";
