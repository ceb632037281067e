import fc from "fast-check";

// A property that holds is tried for a second per mutant, not 100,000 times.
fc.configureGlobal({ interruptAfterTimeLimit: 1_000 });
