module github.com/tcplife/tcplife

go 1.26
