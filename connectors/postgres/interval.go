package postgres

import (
	"encoding/binary"
	"math"
	"strconv"
)

// appendInterval writes an interval in ISO 8601 as the server does under
// IntervalStyle iso_8601: P1Y2M3DT4H5M6.789S. Months, days and time are kept
// apart, each with its own sign, so nothing is lost.
func appendInterval(dst, raw []byte) []byte {
	us := int64(binary.BigEndian.Uint64(raw))
	days := int32(binary.BigEndian.Uint32(raw[8:]))
	months := int32(binary.BigEndian.Uint32(raw[12:]))
	switch {
	case us == math.MaxInt64 && days == math.MaxInt32 && months == math.MaxInt32:
		return append(dst, "infinity"...)
	case us == math.MinInt64 && days == math.MinInt32 && months == math.MinInt32:
		return append(dst, "-infinity"...)
	case us == 0 && days == 0 && months == 0:
		return append(dst, "PT0S"...)
	}
	dst = append(dst, 'P')
	dst = appendUnit(dst, int64(months/12), 'Y')
	dst = appendUnit(dst, int64(months%12), 'M')
	dst = appendUnit(dst, int64(days), 'D')
	if us == 0 {
		return dst
	}
	dst = append(dst, 'T')
	dst = appendUnit(dst, us/3_600_000_000, 'H')
	dst = appendUnit(dst, us/60_000_000%60, 'M')
	return appendSeconds(dst, us%60_000_000)
}

func appendUnit(dst []byte, n int64, unit byte) []byte {
	if n == 0 {
		return dst
	}
	return append(strconv.AppendInt(dst, n, 10), unit)
}

func appendSeconds(dst []byte, us int64) []byte {
	if us == 0 {
		return dst
	}
	if us < 0 {
		dst = append(dst, '-')
		us = -us
	}
	dst = strconv.AppendInt(dst, us/1_000_000, 10)
	if frac := us % 1_000_000; frac != 0 {
		dst = append(dst, '.')
		for unit := int64(100_000); frac > 0; unit /= 10 {
			dst = append(dst, byte('0'+frac/unit))
			frac %= unit
		}
	}
	return append(dst, 'S')
}
