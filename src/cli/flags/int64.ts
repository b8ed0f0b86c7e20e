/** Whole numbers as Go takes them (strconv.ParseInt). Pure. */

/** The number; throws Error with docker's reason for one that Go's int does not hold. `digits` may have a sign. */
export function checkInt64(digits: string): number {
	const number = BigInt(digits.replace(/^\+/, ""));
	if (BigInt.asIntN(64, number) === number) return Number(number);
	throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(digits)}: value out of range`);
}
