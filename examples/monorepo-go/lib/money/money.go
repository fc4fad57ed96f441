// Package money computes with prices.
package money

import "fmt"

// Cents is an amount.
type Cents int64

func (c Cents) String() string { return fmt.Sprintf("%d.%02d", c/100, c%100) }

// MarshalText writes an amount as people read it.
func (c Cents) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// WithTax adds a tax in percent, rounded up.
func (c Cents) WithTax(percent int64) Cents { return c + (c*Cents(percent)+99)/100 }
