// Package encode writes records as JSON.
package encode
