/** The tests that docs/recipes-testing.md shows, run as a user runs them. */
import "../../examples/testing/greet.test.ts";
