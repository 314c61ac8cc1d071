package text

import "strings"

const faultCountry = "The country must be a two-letter code of ISO 3166-1, such as DE or KE."

// countryCodes are the 249 officially assigned codes of ISO 3166-1 alpha-2, and XK. ISO has none for Kosovo; XK is one
// that it leaves to its users, and what the European Union, CLDR and browsers call the country. The codes are listed
// here because golang.org/x/text/language also accepts some that are reserved, withdrawn or not of ISO: SU, EU, UK, TA.
const countryCodes = `
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ
BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ
DE DJ DK DM DO DZ
EC EE EG EH ER ES ET
FI FJ FK FM FO FR
GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY
HK HM HN HR HT HU
ID IE IL IM IN IO IQ IR IS IT
JE JM JO JP
KE KG KH KI KM KN KP KR KW KY KZ
LA LB LC LI LK LR LS LT LU LV LY
MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ
NA NC NE NF NG NI NL NO NP NR NU NZ
OM
PA PE PF PG PH PK PL PM PN PR PS PT PW PY
QA
RE RO RS RU RW
SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ
TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ
UA UG UM US UY UZ
VA VC VE VG VI VN VU
WF WS
XK
YE YT
ZA ZM ZW
`

// CheckCountry returns the code in upper case.
func CheckCountry(s string) (code, fault string) {
	code = strings.ToUpper(s)
	// The list is searched as one text, so what stands between two codes must not be taken for a part of one.
	if len(s) != 2 || len(code) != 2 || strings.ContainsAny(code, " \n") || !strings.Contains(countryCodes, code) {
		return "", faultCountry
	}
	return code, ""
}
