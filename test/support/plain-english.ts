/** Words and turns that readers had to decode. The field's own terms take their place: denied, expired, validation error. */
export const DECODED: RegExp =
  /\b(whom(ever)?|whoever|nobody|anybody|somebody|everybody|unbidden|unasked|anew|wherever|at the most|of ours|hold(s|ing)? off|held off|(is|are|was|were|be|being) told|(is|are|was|were) over|mistakes?|refus(e|es|ed|al|als|ing)|as (it|they) (is|are|was|were)|what (it|they|he) (is|are|was|were|has|have))\b/i;

/** Data that is stored or printed for machines, and stays: the actor of an event, the outcome of a login in the metrics, a key in the JSON of `audit --verify`. */
export const DATA = /"nobody"|"refused"|\.mistake\b|\bmistake(?=: |"\]| \}|,)/g;

/** Data of tests: a name that no user has, the system's user `nobody`, the hashes in the fixtures that must not match, the key of an error of the trail. */
export const TEST_DATA = /["`]nobody["`]|`nobody\$|\bnobody(?=: )|\bNOBODY\b|\brefused(?=: )|\.refused\b|\bmistake\b/g;
